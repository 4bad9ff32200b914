//! Plays a plan: lanes of scenes beside each other, one beat at a time.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::{
    actor::Actor,
    monitor::{self, Monitor, Violation},
    plan::{Action, Beat, Manifest, Network, Plan, Scene, Who, of_scene},
    policies, requests,
};

const TICK: Duration = Duration::from_millis(100);

/// How long a scene waits for what is to come: longer than two changes of leaders, and a turn for a slot.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long the log of the API server may lag behind.
const SETTLES: Duration = Duration::from_millis(500);

const TELL_EVERY: Duration = Duration::from_secs(10);

pub(crate) const IN_TIME: &str = "what a scene takes for certain comes in time";

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) took: Duration,
    pub(crate) violations: BTreeSet<Violation>,
}

/// Plays all of it, or until a promise is broken.
pub(crate) async fn play(plan: Plan, length: Duration, actor: &mut Actor) -> Result<Played> {
    let mut stage = Stage {
        began: Instant::now(),
        told: Instant::now(),
        monitor: Monitor::default(),
        lanes: plan
            .opening
            .into_iter()
            .map(|scenes| Lane::new(scenes.into()))
            .collect(),
        violations: BTreeSet::new(),
    };
    while stage.turn(actor, length).await? {}
    let opened = Instant::now();
    let mut then: VecDeque<_> = plan.then.into();
    while stage.violations.is_empty() && (!then.is_empty() || !stage.lanes.is_empty()) && stage.began.elapsed() < length
    {
        while let Some((_, scene)) = then.pop_front_if(|(at, _)| *at <= opened.elapsed()) {
            stage.lanes.push(Lane::new([scene].into()));
        }
        stage.turn(actor, length).await?;
    }
    Ok(Played {
        took: stage.began.elapsed(),
        violations: stage.violations,
    })
}

struct Stage {
    began: Instant,
    told: Instant,
    monitor: Monitor,
    lanes: Vec<Lane>,
    violations: BTreeSet<Violation>,
}

impl Stage {
    /// Whether there is more to play.
    async fn turn(&mut self, actor: &mut Actor, length: Duration) -> Result<bool> {
        for lane in &mut self.lanes {
            if let Some(violation) = lane.advance(actor).await? {
                self.violations.insert(violation);
            }
        }
        self.lanes
            .retain(|lane| lane.scene.is_some() || !lane.to_come.is_empty());
        actor.world.keep()?;
        self.violations
            .extend(self.monitor.look(&actor.world, &mut actor.ledger, &actor.books.deleted));
        if self.told.elapsed() >= TELL_EVERY {
            self.tell(actor, length);
            self.read_the_logs(actor).await?;
            self.told = Instant::now();
        }
        sleep(TICK).await;
        Ok(self.violations.is_empty() && !self.lanes.is_empty())
    }

    /// What is too much for every turn.
    async fn read_the_logs(&mut self, actor: &Actor) -> Result<()> {
        let calls = actor.world.aws.calls();
        // A line of the API server's log comes a moment after the answer that led to a call.
        sleep(SETTLES).await;
        self.violations.extend(monitor::leadership(&actor.world, &calls)?);
        self.violations.extend(requests::unread(actor, &calls)?);
        let of_policies = policies::look(actor, &calls);
        self.violations
            .extend(of_policies.into_iter().flat_map(|(_, broken)| broken));
        Ok(())
    }

    fn tell(&self, actor: &Actor, length: Duration) {
        let actions: usize = actor.tried.values().map(|tally| tally.tried).sum();
        let tasks = actor.world.aws.counters().tasks_started;
        println!(
            "{:>5.0} s of {:.0}: {actions} actions, {tasks} tasks, {} scenes at the moment",
            self.began.elapsed().as_secs_f64(),
            length.as_secs_f64(),
            self.lanes.len()
        );
    }
}

/// Scenes that follow each other.
struct Lane {
    to_come: VecDeque<Scene>,
    scene: Option<On>,
}

/// A scene that is on.
struct On {
    name: Option<&'static str>,
    creates: Vec<Manifest>,
    /// What it does to the network: mended when it is broken off.
    cuts: Vec<(Who, Network)>,
    beats: VecDeque<Beat>,
    /// Since when it has been at its present beat.
    since: Instant,
}

impl Lane {
    fn new(to_come: VecDeque<Scene>) -> Self {
        Self { to_come, scene: None }
    }

    /// Does all that can be done now. A promise that was not kept in time is returned.
    async fn advance(&mut self, actor: &mut Actor) -> Result<Option<Violation>> {
        loop {
            let Some(on) = &mut self.scene else {
                let Some(scene) = self.to_come.pop_front() else {
                    return Ok(None);
                };
                self.scene = Some(On {
                    name: scene.name,
                    creates: scene.creates().collect(),
                    cuts: scene.cuts().collect(),
                    beats: scene.beats.into(),
                    since: Instant::now(),
                });
                continue;
            };
            let waited = on.since.elapsed();
            let (is_over, is_patient) = match on.beats.front() {
                None => {
                    on.end(true, actor);
                    self.scene = None;
                    continue;
                }
                Some(Beat::Do(action)) => {
                    actor.act(action).await?;
                    (true, true)
                }
                Some(Beat::Pause(time)) => (waited >= *time, true),
                Some(Beat::Until(condition) | Beat::Must(condition)) => (actor.holds(*condition), waited < PATIENCE),
            };
            if is_over {
                on.beats.pop_front();
                on.since = Instant::now();
            } else if is_patient {
                return Ok(None);
            } else {
                let broken = match on.beats.front() {
                    Some(Beat::Must(condition)) => Some(Violation {
                        promise: IN_TIME,
                        how: format!("{condition:?} in {PATIENCE:?}"),
                    }),
                    _ => None,
                };
                println!(
                    "        broken off: {} at {:?}",
                    on.name.unwrap_or("an action"),
                    on.beats.front()
                );
                for (who, network) in &on.cuts {
                    actor.act(&Action::MendNetwork(*who, *network)).await?;
                }
                on.end(false, actor);
                self.scene = None;
                return Ok(broken);
            }
        }
    }
}

impl On {
    fn end(&self, is_whole: bool, actor: &mut Actor) {
        if let Some(name) = self.name {
            actor.tally(of_scene(name), is_whole);
        }
        for manifest in &self.creates {
            actor.let_go(*manifest);
        }
    }
}
