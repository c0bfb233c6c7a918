//! The contract, route by route, through the whole router.

mod contract;
mod limits;
mod page;
mod sessions;
mod support;
