"""What watches over organisations. Its first door: tips on impostors, for supervisors alone."""
