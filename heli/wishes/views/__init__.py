"""Pages of wishes: for everybody, for givers, for the resident's link, for the units that look in at homes."""
