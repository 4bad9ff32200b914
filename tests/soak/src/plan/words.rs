//! What the summary calls the things that there are to try.

use super::{Action, Deed, Loss, Manifest, Network, ServiceFault, Shape, Site, TaskFault, Way, Who, scenes::SCENES};

const SCENE: &str = "scene: ";

/// What the summary calls a scene.
pub(crate) fn of_scene(name: &str) -> String {
    format!("{SCENE}{name}")
}

/// Whether these words are of a scene.
pub(crate) fn is_scene(words: &str) -> bool {
    words.starts_with(SCENE)
}

/// Every kind of thing that there is to try, as the summary names it.
pub(crate) fn everything() -> Vec<String> {
    let any = Manifest::numbered(0);
    let mut actions = vec![
        Action::Create(any, Shape::Plain),
        Action::Create(any, Shape::Suspended),
        Action::Create(any, Shape::OwnToken),
        Action::Create(any, Shape::Orphan),
        Action::Create(any.at(Site::Elsewhere), Shape::Plain),
        Action::Edit(any),
        Action::Suspend(any, true),
        Action::Suspend(any, false),
        Action::Cancel(any),
        Action::Delete(any),
        Action::Strip(any),
        Action::Restore(any, true),
        Action::Restore(any, false),
        Action::RestoreForgotten(any),
        Action::Kill(Who::Standby),
        Action::Kill(Who::Elsewhere),
        Action::KillAndStrand(Who::Elsewhere),
        Action::Terminate(Who::Leader),
        Action::ApiServerDown,
    ];
    actions.extend([true, false].map(|same_request| Action::Stranger {
        manifest: any,
        same_request,
    }));
    actions.extend(ServiceFault::ALL.map(|fault| Action::Service(fault, 0)));
    let lost = Loss::ALL.map(TaskFault::AnswerLost);
    let others = [
        TaskFault::NeverArrives,
        TaskFault::StartHangs,
        TaskFault::StartIsSlow,
        TaskFault::StartsThrottled,
        TaskFault::Invalid,
        TaskFault::CancelsThrottled,
    ];
    actions.extend(lost.into_iter().chain(others).map(|fault| Action::OnTask(fault, any)));
    actions.extend(Way::ALL.map(|way| Action::Network(Who::Leader, Network::ApiServer(way))));
    actions.extend(Way::ALL.map(|way| Action::Network(Who::Leader, Network::Service(way))));
    actions.extend(Deed::each().into_iter().map(Action::OfPolicies));
    let scenes = SCENES.iter().filter(|scene| scene.in_opening > 0);
    let scenes = scenes.map(|scene| of_scene(scene.name));
    actions.iter().map(Action::words).chain(scenes).collect()
}

impl Action {
    /// What the summary calls it.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Create(Manifest { site, .. }, shape) => match (shape, site) {
                (Shape::Plain, Site::Here) => "create".to_owned(),
                (Shape::Plain, Site::Elsewhere) => "create in another cluster".to_owned(),
                (shape, _) => format!("create: {shape:?}"),
            },
            Self::Edit(_) => "edit the target".to_owned(),
            Self::Suspend(_, true) => "suspend".to_owned(),
            Self::Suspend(_, false) => "resume".to_owned(),
            Self::Cancel(_) => "cancel".to_owned(),
            Self::Delete(_) => "delete".to_owned(),
            Self::Strip(_) => "take the finalizer off".to_owned(),
            Self::Restore(_, true) => "restore with annotations and status".to_owned(),
            Self::Restore(_, false) => "restore with annotations".to_owned(),
            Self::RestoreForgotten(_) => "restore what the service has forgotten".to_owned(),
            Self::Stranger { same_request, .. } => {
                let what = if *same_request { "the same" } else { "another" };
                format!("a stranger starts {what} request")
            }
            Self::Kill(who) => format!("kill -9: {who:?}"),
            Self::KillAndStrand(_) => "kill -9 with requests on their way".to_owned(),
            Self::Deliver => "late requests arrive".to_owned(),
            Self::Terminate(who) => format!("SIGTERM: {who:?}"),
            Self::Service(fault, _) | Self::OnTask(TaskFault::Like(fault, _), _) => format!("service: {fault:?}"),
            Self::OnTask(fault, _) => format!("one task: {fault:?}"),
            Self::Network(_, network) => format!("network: {network:?}"),
            Self::MendService => "mend the service".to_owned(),
            Self::MendTask(_) => "mend one task".to_owned(),
            Self::MendNetwork(..) => "mend the network".to_owned(),
            Self::MendAll => "mend all".to_owned(),
            Self::OfPolicies(deed) => deed.words(),
            Self::ApiServerDown => "API server and etcd down, etcd compacted".to_owned(),
        }
    }
}
