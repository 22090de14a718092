"""What the events' money teaches: one file for each question, all asked with an `Inquiry`."""
