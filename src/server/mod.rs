//! Any backend behind HTTP on a unix socket.
