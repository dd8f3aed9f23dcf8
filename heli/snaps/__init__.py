"""随手拍: ten-second reports of a hazard or a fault in a street, from a phone, offline too, and thanks for those that proved true."""
