"""What the report page shows, as plain rows."""
