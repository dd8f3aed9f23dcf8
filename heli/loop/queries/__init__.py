"""Every read of the loop; all start from `visible_to(actor)`. parts: what a page shows · detail: one request ·
desk, unit, public, manage: the work lists of each page."""
