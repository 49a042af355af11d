"""Every figure that this project quotes, measured beside its peers: `make bench`."""
