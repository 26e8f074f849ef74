"""Records and patients to answers, by the same middle as every job."""
