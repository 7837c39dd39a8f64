"""What the images are, tried on the images themselves: `make images-proof`, as root on Debian."""
