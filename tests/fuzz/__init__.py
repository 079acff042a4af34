"""Coverage-guided fuzzing of everything that reads bytes from outside, and the inputs that it has found."""
