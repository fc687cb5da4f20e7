"""The chaos suite: real processes, real faults, and an account at the end that must balance."""
