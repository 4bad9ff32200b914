//! Two candidates and a network that loses, delays and reorders: whoever begins a call to AWS does so when no call of
//! the other can still be under way.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use proptest::prelude::*;

use super::super::call::{Answer, Call};
use super::super::election::Election;
use super::super::terms::CALL_TIMEOUT;
use crate::aws;

/// One tick of the simulated time.
const TICK: u64 = 100;
/// How long it runs, in ticks: several takeovers.
const TICKS: u64 = 1_200;
/// A call that never arrives, or an answer that never comes back.
const LOST: u64 = u64::MAX / 4;
/// How long a process is cut off, in ticks.
const CUT: u64 = 300;

/// What happens to one call, in ticks.
#[derive(Clone, Copy, Debug)]
struct Fate {
    way_there: u64,
    way_back: u64,
}

fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![40 => 0..5_u64, 2 => 5..40_u64, 2 => 40..250_u64, 1 => Just(LOST)]
}

fn fate() -> impl Strategy<Value = Fate> {
    (delay(), delay()).prop_map(|(way_there, way_back)| Fate { way_there, way_back })
}

/// What a process goes through besides the network.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// It is killed, and another starts in its place.
    Kill,
    /// It ends in order, and another starts in its place.
    Terminate,
    /// Nothing of it reaches the API server for a while, in which the other may take over.
    Cut,
}

fn blow() -> impl Strategy<Value = (u64, usize, Blow)> {
    let kind = prop_oneof![1 => Just(Blow::Kill), 1 => Just(Blow::Terminate), 4 => Just(Blow::Cut)];
    (0..TICKS, 0..2_usize, kind)
}

/// The API server: one lease with a version.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u64,
}

impl Server {
    fn take(&mut self, call: &Call) -> Answer {
        match (call, &self.lease) {
            (Call::Read, None) => Answer::Missing,
            (Call::Read, Some(lease)) => Answer::Found(lease.clone()),
            (Call::Create(lease), None) => self.write(lease),
            (Call::Replace(lease), Some(old)) if lease.metadata.resource_version == old.metadata.resource_version => {
                self.write(lease)
            }
            _ => Answer::Conflict,
        }
    }

    fn write(&mut self, lease: &Lease) -> Answer {
        self.version += 1;
        let mut lease = lease.clone();
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(lease.clone());
        Answer::Written(lease)
    }
}

/// A call on its way: it arrives whether or not its sender still waits.
struct Flight {
    call: Call,
    sender: u64,
    arrives: u64,
    returns: u64,
    answer: Option<Answer>,
}

struct Process {
    id: u64,
    election: Election,
    /// When the call under way was sent.
    waits_since: Option<u64>,
    /// Until when its calls to the API server are lost.
    cut_until: u64,
    /// When its last call to AWS ends at the latest.
    works_until: u64,
    is_stopping: bool,
    is_released: bool,
}

impl Process {
    fn new(id: u64, now: Instant) -> Self {
        Self {
            id,
            election: Election::new(format!("process-{id}"), now),
            waits_since: None,
            cut_until: 0,
            works_until: 0,
            is_stopping: false,
            is_released: false,
        }
    }
}

struct World {
    start: Instant,
    server: Server,
    flights: Vec<Flight>,
    fates: Box<dyn Iterator<Item = Fate>>,
    processes: Vec<Process>,
    started: u64,
    /// When calls of processes that are gone end at the latest, by process.
    left_behind: Vec<(u64, u64)>,
    led: usize,
}

impl World {
    fn new(fates: impl Iterator<Item = Fate> + 'static) -> Self {
        let start = Instant::now();
        Self {
            start,
            server: Server::default(),
            flights: Vec::new(),
            fates: Box::new(fates),
            processes: vec![Process::new(0, start), Process::new(1, start)],
            started: 2,
            left_behind: Vec::new(),
            led: 0,
        }
    }

    fn instant(&self, tick: u64) -> Instant {
        self.start + Duration::from_millis(tick * TICK)
    }

    fn replace(&mut self, slot: usize, tick: u64) {
        let fresh = Process::new(self.started, self.instant(tick));
        self.started += 1;
        let old = std::mem::replace(&mut self.processes[slot], fresh);
        // The worst case: the call that it had sent is still worked on for as long as anybody would have waited.
        self.left_behind.push((old.id, old.works_until));
    }

    fn tick(&mut self, tick: u64) {
        let now = self.instant(tick);
        for flight in &mut self.flights {
            if flight.answer.is_none() && tick >= flight.arrives {
                flight.answer = Some(self.server.take(&flight.call));
            }
        }
        for slot in 0..self.processes.len() {
            self.hear(slot, tick, now);
            self.act(slot, tick, now);
            self.work(slot, tick, now);
        }
        self.left_behind.retain(|(_, until)| *until > tick);
        self.flights
            .retain(|flight| flight.answer.is_none() || tick < flight.returns);
    }

    fn hear(&mut self, slot: usize, tick: u64, now: Instant) {
        let process = &mut self.processes[slot];
        let Some(sent) = process.waits_since else { return };
        let sent_at = self.start + Duration::from_millis(sent * TICK);
        let ready = self
            .flights
            .iter()
            .find(|flight| flight.sender == process.id && flight.returns <= tick)
            .and_then(|flight| flight.answer.clone());
        let limit = sent_at + CALL_TIMEOUT;
        let limit = process.election.gives_up_at().map_or(limit, |end| end.min(limit));
        let answer = match ready {
            Some(answer) => answer,
            None if now >= limit => Answer::Failed("late".to_owned()),
            None => return,
        };
        process.waits_since = None;
        // Nobody waits for it any more, but it may still arrive.
        let id = process.id;
        for flight in self.flights.iter_mut().filter(|flight| flight.sender == id) {
            flight.sender = u64::MAX;
        }
        process.election.answered(sent_at, now, answer);
    }

    fn act(&mut self, slot: usize, tick: u64, now: Instant) {
        let process = &mut self.processes[slot];
        if process.waits_since.is_some() {
            return;
        }
        // The work has ended before the lease is given back.
        if process.is_stopping && !process.is_released && tick >= process.works_until {
            process.election.release(now);
            process.is_released = true;
        }
        let wall = Timestamp::UNIX_EPOCH + Duration::from_millis(tick * TICK + process.id);
        match process.election.next(now, wall) {
            Call::Wait(_) => {}
            Call::Stop(_) => self.replace(slot, tick),
            call => {
                let Fate {
                    mut way_there,
                    way_back,
                } = self.fates.next().unwrap();
                if tick < process.cut_until {
                    way_there = LOST;
                }
                process.waits_since = Some(tick);
                self.flights.push(Flight {
                    call,
                    sender: process.id,
                    arrives: tick + way_there,
                    returns: tick + way_there.saturating_add(way_back),
                    answer: None,
                });
            }
        }
    }

    /// Calls AWS whenever it may, each time for as long as a call can take.
    fn work(&mut self, slot: usize, tick: u64, now: Instant) {
        let process = &self.processes[slot];
        let surely = process.election.surely_held_until().is_some_and(|until| now < until);
        if !surely || process.is_stopping {
            return;
        }
        let living = self.processes.iter().map(|other| (other.id, other.works_until));
        for (other, until) in living.chain(self.left_behind.iter().copied()) {
            assert!(
                other == process.id || until <= tick,
                "at {tick} process {} begins a call while one of {other} may run until {until}",
                process.id
            );
        }
        let call = aws::CALL_TIMEOUT.as_millis();
        let process = &mut self.processes[slot];
        process.works_until = tick + u64::try_from(call).unwrap() / TICK;
        self.led += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn two_never_work_at_a_time(
        fates in prop::collection::vec(fate(), 1..200),
        blows in prop::collection::vec(blow(), 0..8),
    ) {
        let mut world = World::new(fates.into_iter().cycle());
        for tick in 0..TICKS {
            for (_, slot, blow) in blows.iter().filter(|(when, ..)| *when == tick) {
                match blow {
                    Blow::Kill => world.replace(*slot, tick),
                    Blow::Terminate => world.processes[*slot].is_stopping = true,
                    Blow::Cut => world.processes[*slot].cut_until = tick + CUT,
                }
            }
            world.tick(tick);
        }
    }

    /// However bad it was: once the network is good again, one of them works within the time of a takeover.
    #[test]
    fn when_the_network_is_good_again_somebody_works(fates in prop::collection::vec(fate(), 1..200)) {
        let good = Fate { way_there: 0, way_back: 1 };
        let bad = fates.len();
        let mut world = World::new(fates.into_iter().chain(std::iter::repeat(good)));
        // Each process uses up at least one fate in four seconds.
        let recovery = u64::try_from(bad).unwrap() * 40 + 300;
        for tick in 0..recovery {
            world.tick(tick);
        }
        world.led = 0;
        for tick in recovery..recovery + 300 {
            world.tick(tick);
        }
        prop_assert!(world.led > 0);
    }
}
