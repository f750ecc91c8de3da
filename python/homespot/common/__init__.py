"""What every floor uses: errors, checks, names of keys, devices, memory, files, threads."""
