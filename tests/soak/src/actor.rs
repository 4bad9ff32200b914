//! Does what the plan says, and keeps what the checks have to know.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use simulator::{Operation, Outcome};
use support::{eventually, wire::Condition as Wire};
use tokio::time::sleep;

use crate::{
    history::text,
    ledger::Ledger,
    monitor,
    plan::{self, Action, Condition, Kind, Manifest, Network, ServiceFault, TaskFault, Way, Who},
    policies::Books,
    replica::{Replica, slots},
    resources::{RECORD, name, task_ids_of},
    service_faults,
    world::{LIMIT, SKEW_SECONDS, World},
};

/// By how much the service's clock is set ahead at a time, and the most that it is ahead.
const SKEW_STEP: i64 = 20;
const MOST_SKEW: i64 = -SKEW_SECONDS;

/// How long the API server stays down: longer than a leader is sure of its lease.
const DOWN: Duration = Duration::from_secs(3);

/// How often something was tried, and how often it had no effect: refused, or nothing was there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) tried: usize,
    pub(crate) void: usize,
}

pub(crate) struct Actor {
    pub(crate) world: World,
    pub(crate) ledger: Ledger,
    pub(crate) tried: BTreeMap<String, Tally>,
    /// How often the resource of a manifest was created.
    pub(crate) lives: BTreeMap<Manifest, usize>,
    /// The version of a manifest's resource that people made last: what is older is no news.
    pub(crate) versions: BTreeMap<Manifest, u64>,
    pub(crate) edits: usize,
    pub(crate) books: Books,
    /// When the API server went down.
    pub(crate) outages: Vec<Timestamp>,
    /// Faults in the simulator: of everybody, and of a manifest's tasks.
    everywhere: Vec<u64>,
    on_tasks: BTreeMap<Manifest, Vec<u64>>,
    skew: i64,
    /// The replica and the process that something was done to last because it led, or stood by: to its way to the
    /// service, or otherwise.
    meant: BTreeMap<(Who, bool), (usize, usize)>,
}

impl Actor {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            ledger: Ledger::default(),
            tried: plan::everything()
                .into_iter()
                .map(|what| (what, Tally::default()))
                .collect(),
            lives: BTreeMap::new(),
            versions: BTreeMap::new(),
            edits: 0,
            books: Books::default(),
            outages: Vec::new(),
            everywhere: Vec::new(),
            on_tasks: BTreeMap::new(),
            skew: SKEW_SECONDS,
            meant: BTreeMap::new(),
        }
    }

    pub(crate) async fn act(&mut self, action: &Action) -> Result<()> {
        let had_effect = self.take(action).await?;
        self.tally(action.words(), had_effect);
        self.world.keep()
    }

    pub(crate) fn tally(&mut self, what: String, had_effect: bool) {
        let tally = self.tried.entry(what).or_default();
        tally.tried += 1;
        tally.void += usize::from(!had_effect);
    }

    async fn take(&mut self, action: &Action) -> Result<bool> {
        match *action {
            Action::Create(manifest, shape) => return self.create(manifest, shape).await,
            Action::Edit(manifest) => return self.edit(manifest).await,
            Action::Suspend(manifest, suspend) => return self.suspend(manifest, suspend).await,
            Action::Cancel(manifest) => return self.cancel(manifest).await,
            Action::Delete(manifest) => return self.delete(manifest).await,
            Action::Strip(manifest) => return self.strip(manifest).await,
            Action::Restore(manifest, with_status) => return self.restore(manifest, with_status).await,
            Action::RestoreForgotten(manifest) => return self.restore_forgotten(manifest).await,
            Action::Stranger { manifest, same_request } => return self.stranger(manifest, same_request).await,
            Action::Kill(who) => {
                let replica = self.replica(who, false);
                self.world.kill(replica)?;
            }
            Action::KillAndStrand(who) => {
                let replica = self.replica(who, false);
                self.world.kill_and_strand(replica).await?;
            }
            Action::Deliver => self.world.replicas.iter().for_each(Replica::deliver),
            Action::Terminate(who) => {
                let replica = self.replica(who, false);
                self.world.terminate(replica)?;
            }
            Action::Service(fault, seed) => self.service(fault, seed),
            Action::MendService => self.mend_service(),
            Action::OnTask(fault, manifest) => self.on_task(fault, manifest),
            Action::MendTask(manifest) => self.mend_task(manifest),
            Action::Network(who, network) => {
                let replica = self.replica(who, network.is_to_service());
                self.network(replica, network);
            }
            Action::MendNetwork(who, network) => {
                if let Some((replica, _)) = self.meant.get(&(who, network.is_to_service())) {
                    self.mend_network(*replica, network);
                }
            }
            Action::MendAll => self.mend_all(),
            Action::ApiServerDown => self.api_server_down().await?,
            Action::OfPolicies(deed) => return self.of_policies(deed).await,
        }
        Ok(true)
    }

    /// Which replica is meant. When nobody leads it is the first.
    fn replica(&mut self, who: Who, to_service: bool) -> usize {
        let leader = self.world.leader();
        let replica = match (who, leader) {
            (Who::Elsewhere, _) => 2,
            (Who::Leader, Some(leader)) => leader,
            (Who::Standby, Some(leader)) => 1 - leader,
            (Who::Leader, None) => 0,
            (Who::Standby, None) => 1,
        };
        let process = self.world.process(replica);
        self.meant.insert((who, to_service), (replica, process));
        replica
    }

    fn service(&mut self, fault: ServiceFault, seed: u64) {
        let aws = &self.world.aws;
        match fault {
            ServiceFault::SlotsTaken => aws.set_quotas(|quotas| quotas.running_by_others = usize::MAX),
            ServiceFault::DescribeLags => aws.set_readings(|readings| readings.describe_lag = Duration::from_secs(2)),
            ServiceFault::ClockAhead => {
                self.skew = (self.skew + SKEW_STEP).min(MOST_SKEW);
                aws.skew(SignedDuration::from_secs(self.skew));
            }
            _ => {
                let fault = service_faults::everywhere(fault, seed);
                self.everywhere.extend(fault.map(|fault| aws.inject(fault)));
            }
        }
    }

    fn mend_service(&mut self) {
        let aws = &self.world.aws;
        aws.set_quotas(|quotas| quotas.running_by_others = 0);
        aws.set_readings(|readings| readings.describe_lag = Duration::ZERO);
        for fault in self.everywhere.drain(..) {
            aws.remove_fault(fault);
        }
    }

    fn on_task(&mut self, fault: TaskFault, manifest: Manifest) {
        let faults = service_faults::on_task(fault, &task_ids_of(manifest));
        let injected = faults.into_iter().map(|fault| self.world.aws.inject(fault));
        self.on_tasks.entry(manifest).or_default().extend(injected);
    }

    fn mend_task(&mut self, manifest: Manifest) {
        for fault in self.on_tasks.remove(&manifest).unwrap_or_default() {
            self.world.aws.remove_fault(fault);
        }
    }

    fn network(&self, replica: usize, network: Network) {
        let Some(replica) = self.world.replicas.get(replica) else {
            return;
        };
        let (wire, way) = match network {
            Network::ApiServer(way) => (&replica.to_apiserver, way),
            Network::Service(way) => (&replica.to_service, way),
        };
        wire.set(match way {
            Way::Cut => Wire::Cut,
            Way::Slow => Wire::Slow(Duration::from_millis(200)),
            Way::RequestsHeld => Wire::Held,
            Way::Trickle => Wire::Trickle(100, Duration::from_millis(10)),
            Way::Breaks => Wire::Breaks(300),
            Way::Reset => return wire.reset(),
        });
    }

    fn mend_network(&self, replica: usize, network: Network) {
        if let Some(replica) = self.world.replicas.get(replica) {
            match network {
                Network::ApiServer(_) => replica.to_apiserver.set(Wire::Whole),
                Network::Service(_) => replica.to_service.set(Wire::Whole),
            }
        }
    }

    /// Ends all faults.
    pub(crate) fn mend_all(&mut self) {
        self.mend_service();
        self.on_tasks.clear();
        self.world.aws.clear_faults();
        self.world.replicas.iter().for_each(Replica::mend);
    }

    async fn api_server_down(&mut self) -> Result<()> {
        self.outages.push(Timestamp::now());
        let cluster = &self.world.cluster;
        cluster.stop_apiserver()?;
        cluster.stop_etcd()?;
        sleep(DOWN).await;
        cluster.start_etcd()?;
        // What the watches would go on from is forgotten.
        eventually(LIMIT, "etcd works again", async || cluster.compact_etcd().await).await?;
        cluster.start_apiserver().await
    }

    /// Ends the tasks of a manifest that would run for ever.
    pub(crate) fn let_go(&self, manifest: Manifest) {
        if manifest.kind == Kind::Held {
            self.world.aws.set_outcome(&task_ids_of(manifest), Outcome::default());
        }
    }

    /// Whether what a scene waits for is there.
    pub(crate) fn holds(&mut self, condition: Condition) -> bool {
        match condition {
            Condition::LeaderChanged => {
                let now = self.world.leader();
                let now = now.map(|replica| (replica, self.world.process(replica)));
                now.is_some() && now != self.meant.get(&(Who::Leader, false)).copied()
            }
            Condition::Full(site) => monitor::taken(&self.world, site) >= slots(site),
            Condition::OnTheirWay(count) => {
                let elsewhere = self.world.replicas.get(2);
                elsewhere.is_some_and(|replica| replica.to_service.held() >= count)
            }
            Condition::Leads => self.world.leader().is_some(),
            Condition::Follows(manifest) => {
                self.says(manifest, "/status/phase", "Running") && self.names_a_task(manifest)
            }
            Condition::Conflicts(manifest) => self.says(manifest, "/status/phase", "Conflict"),
            Condition::IsRejected(manifest) => self.says(manifest, "/status/phase", "Rejected"),
            Condition::IsOpen(manifest) => {
                self.resource(manifest, |object| text(object, "/status/attempt/taskId").is_some())
            }
            Condition::Recorded(manifest) => self.resource(manifest, |object| {
                object
                    .metadata
                    .annotations
                    .as_ref()
                    .is_some_and(|all| all.contains_key(RECORD))
            }),
            Condition::Held(manifest) => self.resource(manifest, |object| {
                object.metadata.finalizers.as_ref().is_some_and(|all| !all.is_empty())
            }),
            Condition::Gone(manifest) => {
                let told = self.world.history.told();
                told.newest(manifest.site, &name(manifest))
                    .is_none_or(|story| story.is_gone)
            }
            Condition::TaskExists(manifest) => {
                let id = self.id(manifest);
                id.is_some_and(|id| self.world.aws.task(&id).is_some())
            }
            Condition::StartCalled(manifest) => self.called(manifest, Operation::START),
            Condition::OfPolicies(sight) => self.sees(sight),
            Condition::CancelCalled(manifest) => self.called(manifest, Operation::CANCEL),
        }
    }

    fn called(&self, manifest: Manifest, operation: Operation) -> bool {
        self.id(manifest)
            .is_some_and(|id| self.ledger.called.contains(&(operation, id)))
    }

    /// The task id that the manifest's resource names, or was made up for it.
    fn id(&self, manifest: Manifest) -> Option<String> {
        let told = self.world.history.told();
        let story = told.newest(manifest.site, &name(manifest))?;
        let named = text(&story.latest, "/spec/taskId").or_else(|| text(&story.latest, "/status/taskId"));
        named.map(str::to_owned)
    }

    fn resource(&self, manifest: Manifest, is: impl Fn(&DynamicObject) -> bool) -> bool {
        let told = self.world.history.told();
        let story = told.newest(manifest.site, &name(manifest));
        let made = self.versions.get(&manifest).copied().unwrap_or_default();
        story.is_some_and(|story| !story.is_gone && version(&story.latest) >= made && is(&story.latest))
    }

    fn says(&self, manifest: Manifest, pointer: &str, what: &str) -> bool {
        self.resource(manifest, |object| text(object, pointer) == Some(what))
    }

    fn names_a_task(&self, manifest: Manifest) -> bool {
        self.resource(manifest, |object| text(object, "/status/taskId").is_some())
    }
}

/// Versions of one resource are numbers that grow.
pub(crate) fn version(object: &DynamicObject) -> u64 {
    let version = object.metadata.resource_version.as_deref();
    version.and_then(|version| version.parse().ok()).unwrap_or_default()
}
