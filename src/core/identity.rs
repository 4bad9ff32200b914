//! What makes a task the same task: its default id and the hash of its request.
