pub mod signalling;
