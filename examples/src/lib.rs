//! causeway-examples
