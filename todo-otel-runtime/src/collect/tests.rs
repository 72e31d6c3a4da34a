//! The collector from the outside: what goes in comes out.
