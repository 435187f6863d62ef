//! The git program, wrapped: the mirror of a repository, ranges with authors, clean checkouts.
