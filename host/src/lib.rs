//! Zonda, an action host.
