"""The rules files are checked by, as data: what each says, how grave it is, where it comes from, and which parameters it takes."""
