"""What those who run the service look at."""
