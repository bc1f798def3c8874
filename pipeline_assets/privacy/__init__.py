"""What becomes of personal data before anything is written, and the proof that none of it is left."""
