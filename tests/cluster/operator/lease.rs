//! Two replicas: one works, the other stands by.
