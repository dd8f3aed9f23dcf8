"""Every read of wishes: the wall, one's own pledges, the desk."""
