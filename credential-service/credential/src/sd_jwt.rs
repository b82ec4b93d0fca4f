//! sd_jwt
