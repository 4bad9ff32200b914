//! A crowd of new resources at once: few of them are worked on at a time, and nobody else waits for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use audit_mitigation_operator::api::Phase;
use http::Method;
use simulator::{Outcome, Quotas};
use support::eventually;
use support::proxy::{Asked, Fate, Pause, Side};

use super::{LIMIT, World, spec};

/// More than are worked on before a write is given up, however long the deletion takes within its limit.
const CROWD: usize = 40;

/// The writes of the crowd, each held until the door is opened.
#[derive(Default)]
struct Door {
    is_open: AtomicBool,
    waiting: Mutex<Vec<Arc<Pause>>>,
}

impl Door {
    fn fate(&self, asked: &Asked) -> Fate {
        let is_held = asked.method == Method::PATCH && asked.path.contains("/crowd-");
        if !is_held || self.is_open.load(Ordering::SeqCst) {
            return Fate::Pass;
        }
        let pause = Arc::<Pause>::default();
        self.waiting.lock().unwrap().push(Arc::clone(&pause));
        Fate::Hold(Side::Before, pause)
    }

    fn came(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
        for pause in self.waiting.lock().unwrap().iter() {
            pause.end();
        }
    }
}

#[tokio::test]
async fn a_crowd_is_worked_on_a_few_at_a_time_and_holds_up_no_deletion() {
    let flags = [
        "--max-concurrent-reconciles=2",
        "--max-running-tasks=100",
        "--max-start-rate=0",
        "--max-describe-rate=0",
    ];
    let mut world =
        World::without_operator("many", &flags, |config| config.settings.quotas = Quotas::unlimited()).await;
    let door = Arc::<Door>::default();
    let shut = Arc::clone(&door);
    let _proxy = world.lay_proxy(move |asked| shut.fate(asked)).await;
    world.start_operator();
    world.aws.set_outcome("known", Outcome::held());
    world.create("known", &spec("known")).await;
    world.phase("known", Phase::Running).await;
    for number in 0..CROWD {
        let name = format!("crowd-{number}");
        world.create(&name, &spec(&name)).await;
    }
    // The crowd is being worked on before it.
    eventually(LIMIT, "some of the crowd are worked on", async || {
        if door.came() > 0 { Ok(()) } else { Err("none") }
    })
    .await
    .unwrap();
    world.delete("known").await;
    world.until_gone("known").await;
    let came = door.came();
    assert!(came < CROWD, "{came} of {CROWD} were worked on at a time");
    door.open();
    for number in 0..CROWD {
        world.phase(&format!("crowd-{number}"), Phase::Completed).await;
    }
}
