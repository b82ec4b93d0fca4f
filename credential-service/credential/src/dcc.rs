//! dcc
