"""Files and folders that appear only when whole, and hashes of their content."""
