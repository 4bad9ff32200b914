//! A hash in the policy approves that plan of its own task.
