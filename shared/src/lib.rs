#![doc = include_str!("../README.md")]

pub mod access;
pub mod aws;
pub mod clock;
pub mod config;
pub mod cursor;
pub mod documents;
pub mod http;
pub mod ids;
pub mod onboarding;
pub mod problem;
pub mod shares;
pub mod telemetry;
pub mod tenancy;
pub mod users;
pub mod wire;
