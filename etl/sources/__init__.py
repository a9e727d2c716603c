"""What comes: files, folders and archives on disk to records and bytes."""
