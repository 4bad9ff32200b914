//! The CEL rules of the CRD and the messages that people see when one refuses their manifest.
