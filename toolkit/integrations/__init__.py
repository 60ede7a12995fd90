"""What other training frameworks need to take batches from the samplers; each module imports its own."""
