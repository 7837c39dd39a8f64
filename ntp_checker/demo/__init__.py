"""A simulated fleet: honest physics, judged and stored as real samples are."""
