//! Does what the plan says, and keeps what the checks have to know.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Result;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation};
use support::wire::Condition;

use crate::{
    plan::{Action, MANIFESTS, Network, ServiceFault, is_born_suspended},
    resources::{ACTION, AUDIT, OTHER_ACTION, name, object, task_id},
    summary::Summary,
    world::World,
};

pub(crate) struct Actor {
    world: World,
    tried: BTreeMap<String, Tally>,
    manifests: [Manifest; MANIFESTS],
    stop_wanted: BTreeSet<String>,
    edits: usize,
}

/// How often something was tried, and how often it had no effect: refused, or nothing was there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) tried: usize,
    pub(crate) void: usize,
}

#[derive(Clone, Debug, Default)]
struct Manifest {
    /// How often its resource was created.
    lives: usize,
    /// Of the resource that was created last.
    uid: Option<String>,
}

impl Manifest {
    /// Every other life is the same manifest again.
    fn version(&self) -> usize {
        self.lives / 2
    }
}

impl Actor {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            tried: BTreeMap::new(),
            manifests: std::array::from_fn(|_| Manifest::default()),
            stop_wanted: BTreeSet::new(),
            edits: 0,
        }
    }

    pub(crate) async fn act(&mut self, action: &Action) -> Result<()> {
        let (what, had_effect) = match *action {
            Action::Create(manifest) => ("create".to_owned(), self.create(manifest).await?),
            Action::Edit(manifest) => {
                self.edits += 1;
                let audit = format!("{:032x}", self.edits);
                let patch = json!({ "target": { "auditTaskId": audit } });
                ("edit the target".to_owned(), self.patch(manifest, &patch).await?)
            }
            Action::Suspend(manifest, suspend) => {
                let what = if suspend { "suspend" } else { "resume" };
                let patch = json!({ "suspend": suspend });
                (what.to_owned(), self.patch(manifest, &patch).await?)
            }
            Action::Cancel(manifest) => {
                let patch = json!({ "cancel": true });
                let taken = self.patch(manifest, &patch).await?;
                self.stop(manifest, taken);
                ("cancel".to_owned(), taken)
            }
            Action::Delete(manifest) => {
                let deleted = self
                    .world
                    .tasks
                    .delete(&name(manifest), &DeleteParams::default())
                    .await
                    .map(|_| ());
                let taken = taken(deleted)?;
                self.stop(manifest, taken);
                ("delete".to_owned(), taken)
            }
            Action::Stranger { manifest, same_request } => self.stranger(manifest, same_request).await?,
            Action::Kill(replica) => {
                if let Some(replica) = self.world.replicas.get_mut(replica) {
                    replica.kill(&self.world.cluster)?;
                }
                ("kill -9".to_owned(), true)
            }
            Action::Terminate(replica) => {
                if let Some(replica) = self.world.replicas.get_mut(replica) {
                    replica.terminate()?;
                }
                ("SIGTERM".to_owned(), true)
            }
            Action::Service(fault, seed) => {
                self.world.aws.inject(service_fault(fault, seed));
                (format!("service: {fault:?}"), true)
            }
            Action::Network(replica, network) => {
                self.network(replica, network);
                (format!("network: {network:?}"), true)
            }
            Action::Mend { network } => {
                self.world.aws.clear_faults();
                if network {
                    self.mend_network();
                }
                (if network { "mend all" } else { "mend the service" }.to_owned(), true)
            }
        };
        let tally = self.tried.entry(what).or_default();
        tally.tried += 1;
        tally.void += usize::from(!had_effect);
        self.keep()
    }

    /// Processes that have ended are replaced, as Kubernetes would.
    fn keep(&mut self) -> Result<()> {
        for replica in &mut self.world.replicas {
            replica.keep(&self.world.cluster)?;
        }
        Ok(())
    }

    async fn create(&mut self, number: usize) -> Result<bool> {
        let Some(manifest) = self.manifests.get_mut(number) else {
            return Ok(false);
        };
        let id = task_id(number, manifest.version());
        let suspend = is_born_suspended(number);
        let object = object(&name(number), id.as_deref(), AUDIT, suspend)?;
        match self.world.tasks.create(&PostParams::default(), &object).await {
            Ok(created) => {
                manifest.lives += 1;
                manifest.uid = created.metadata.uid;
                Ok(true)
            }
            Err(error) => taken(Err(error)),
        }
    }

    async fn patch(&self, manifest: usize, spec: &Value) -> Result<bool> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let patched = self
            .world
            .tasks
            .patch(&name(manifest), &PatchParams::default(), &patch)
            .await;
        taken(patched.map(|_| ()))
    }

    /// The task of the manifest's resource may be cancelled from now on.
    fn stop(&mut self, manifest: usize, taken: bool) {
        let uid = self.manifests.get(manifest).and_then(|manifest| manifest.uid.clone());
        self.stop_wanted.extend(uid.filter(|_| taken));
    }

    async fn stranger(&mut self, manifest: usize, same_request: bool) -> Result<(String, bool)> {
        // Of a version that is still to come, or they would always be too late.
        let lives = self.manifests.get(manifest).map_or(0, |manifest| manifest.lives);
        let version = lives.div_ceil(2);
        let action = if same_request { ACTION } else { OTHER_ACTION };
        let started = match task_id(manifest, version) {
            Some(id) => self.world.stranger.start(&id, AUDIT, action).await?,
            None => false,
        };
        let what = if same_request { "the same" } else { "another" };
        Ok((format!("a stranger starts {what} request"), started))
    }

    fn network(&self, replica: usize, network: Network) {
        let Some(replica) = self.world.replicas.get(replica) else {
            return;
        };
        match network {
            Network::ApiServerCut => replica.to_apiserver.set(Condition::Cut),
            Network::ApiServerSlow => replica.to_apiserver.set(Condition::Slow(Duration::from_millis(200))),
            Network::ApiServerReset => replica.to_apiserver.reset(),
            Network::ServiceCut => replica.to_service.set(Condition::Cut),
            Network::ServiceReset => replica.to_service.reset(),
        }
    }

    fn mend_network(&self) {
        for replica in &self.world.replicas {
            replica.to_apiserver.set(Condition::Whole);
            replica.to_service.set(Condition::Whole);
        }
    }

    /// Ends all faults, and hands over to the checks.
    pub(crate) fn finish(self, seed: u64) -> (World, Summary) {
        self.world.aws.clear_faults();
        self.mend_network();
        let summary = Summary::new(seed, self.tried, self.stop_wanted);
        (self.world, summary)
    }
}

/// Whether the API server took a request. That it refuses one is part of the game, that it doesn't answer isn't.
fn taken(answer: Result<(), kube::Error>) -> Result<bool> {
    match answer {
        Ok(()) => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn service_fault(fault: ServiceFault, seed: u64) -> Fault {
    let often = |kind| Fault::new(kind).probability(0.5, seed);
    match fault {
        ServiceFault::Throttling => often(FaultKind::Throttle),
        ServiceFault::Limit => often(FaultKind::Limit).on(Operation::START),
        ServiceFault::InternalErrors => often(FaultKind::Internal),
        ServiceFault::Unavailable => Fault::new(FaultKind::Unavailable),
        ServiceFault::Cut => often(FaultKind::Cut),
        ServiceFault::StartAnswersLost => Fault::new(FaultKind::Cut).after_work().on(Operation::START),
        ServiceFault::CancelAnswersLost => Fault::new(FaultKind::Cut).after_work().on(Operation::CANCEL),
        ServiceFault::Hang => Fault::new(FaultKind::Hang).after_work().times(1),
        ServiceFault::Slow => often(FaultKind::Latency {
            before: Duration::from_millis(300),
            after: Duration::from_millis(300),
        }),
        ServiceFault::ExpiredCredentials => Fault::new(FaultKind::ExpiredToken),
    }
}
