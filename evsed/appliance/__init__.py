"""What makes the image an appliance: first boot, provisioning, updates, reset. Runs as root."""
