//! The operator's own process under `kill -9`, at each request of a policy's pass.
