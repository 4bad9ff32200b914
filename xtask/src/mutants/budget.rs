//! Protections of the call budget.

use super::{Mutant, Tests, mutant, unit};

const BUDGET: &str = "src/core/budget/mod.rs";
const ALLOWANCE: &str = "src/core/budget/allowance.rs";

const TESTS: Tests = unit(&["core::tests::budget"]);

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "starts-beyond-the-quota",
        "fewer starts a second than the service takes",
        BUDGET,
        "pub const START: f64 = 8.0;",
        "pub const START: f64 = 12.0;",
    )
    .by(TESTS),
    mutant(
        "describes-beyond-the-quota",
        "fewer describes a second than the service takes",
        BUDGET,
        "pub const DESCRIBE: f64 = 20.0;",
        "pub const DESCRIBE: f64 = 30.0;",
    )
    .by(TESTS),
    mutant(
        "cancels-beyond-the-quota",
        "fewer cancels and lists a second than the service takes",
        BUDGET,
        "const OTHERS: f64 = 8.0;",
        "const OTHERS: f64 = 12.0;",
    )
    .by(TESTS),
    mutant(
        "describes-starve-starts",
        "each operation has an allowance of its own",
        BUDGET,
        "let lanes = self.allowances.entry(operation).or_default();",
        "let lanes = self.allowances.entry(Operation::Start).or_default();",
    )
    .by(TESTS),
    mutant(
        "regions-starve-each-other",
        "each region has an allowance of its own",
        BUDGET,
        "            .entry(region.to_owned())\n            .or_insert_with(|| Allowance",
        "            .entry(String::new())\n            .or_insert_with(|| Allowance",
    )
    .by(TESTS),
    mutant(
        "a-turn-serves-for-ever",
        "a turn is for one call",
        BUDGET,
        "        self.turns.remove(uid);\n",
        "        let _ = uid;\n",
    )
    .by(TESTS),
    mutant(
        "a-turn-for-another-call-serves",
        "a turn is for the call that it was asked for",
        BUDGET,
        "        if !self.turns.get(uid).is_some_and(is_for_this) {",
        "        if !self.turns.get(uid).is_some_and(is_for_this) && false {",
    )
    .by(TESTS),
    mutant(
        "a-turn-that-is-given-back-is-lost",
        "a turn that is given back is the next one's",
        ALLOWANCE,
        "            self.vacant.insert(turn.number);",
        "            let _ = turn.number;",
    )
    .by(TESTS),
    mutant(
        "throttling-changes-nothing",
        "it gives way on Throttling",
        ALLOWANCE,
        "        self.rate = (self.rate * SLOW_DOWN).max(FLOOR.min(self.full_rate));",
        "        self.rate = (self.rate * SLOW_DOWN).max(self.full_rate);",
    )
    .by(TESTS),
    mutant(
        "throttling-stops-everything",
        "no Throttling lowers the rate to nothing",
        ALLOWANCE,
        "const FLOOR: f64 = 0.5;",
        "const FLOOR: f64 = 0.000_001;",
    )
    .by(TESTS),
    mutant(
        "each-refusal-of-a-moment-counts",
        "calls of one moment slow down once",
        ALLOWANCE,
        "        if now.duration_since(self.slowed_down) < ONE_SLOW_DOWN_IN {",
        "        if now.duration_since(self.slowed_down) < ONE_SLOW_DOWN_IN && false {",
    )
    .by(TESTS),
    mutant(
        "what-was-saved-up-is-spent-after-a-throttling",
        "what was saved up at the higher rate is gone with it",
        ALLOWANCE,
        "        self.gate = self.gate.max(self.clock) + 1.0;\n",
        "        let _ = self.gate.max(self.clock) + 1.0;\n",
    )
    .by(TESTS),
    mutant(
        "the-rate-never-comes-back",
        "the rate recovers",
        ALLOWANCE,
        "        self.rate = (self.rate + self.slope() * recovering).min(self.full_rate);",
        "        self.rate = (self.rate + self.slope() * 0.0).min(self.full_rate);",
    )
    .by(TESTS),
    mutant(
        "a-crowd-that-comes-late-is-let-through",
        "a crowd that comes late is let through at the rate",
        ALLOWANCE,
        "        self.gate = self.gate.max(self.clock - self.burst()) + 1.0;",
        "        self.gate = self.gate.max(self.clock - self.burst());",
    )
    .by(TESTS),
    mutant(
        "a-long-rest-saves-up-a-minute",
        "after a rest no more calls are made at once than a second allows",
        ALLOWANCE,
        "const BURST: f64 = 0.25;",
        "const BURST: f64 = 2.0;",
    )
    .by(TESTS),
    mutant(
        "a-clock-that-is-set-back-stops-all",
        "a clock that is set back costs nothing but that time",
        ALLOWANCE,
        "let seconds = now.duration_since(self.at).as_secs_f64().max(0.0);",
        "let seconds = now.duration_since(self.at).as_secs_f64();",
    )
    .by(TESTS),
];
