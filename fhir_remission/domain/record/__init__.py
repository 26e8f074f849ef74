"""What is known of one patient: draws, marrows, MRD samples, signs of disease, therapy."""
