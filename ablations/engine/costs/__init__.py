"""What steps cost: tokens, operations, hours."""
