"""minidiff: diffusion models from the first equation, in code that can be read."""
