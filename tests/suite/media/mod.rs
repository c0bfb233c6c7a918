//! Codecs, their fragments, files in and recordings out.

mod codecs;
mod decoder;
mod encoder;
mod fragments;
mod headless;
mod recordings;
mod sources;
