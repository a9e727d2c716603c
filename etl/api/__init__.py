"""What Python programs import as `etl`: thin functions over the pipelines, frames out."""
