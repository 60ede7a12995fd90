"""Adapters that let other training frameworks use the samplers; each module imports its own framework."""
