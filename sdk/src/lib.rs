//! The Zonda SDK.
