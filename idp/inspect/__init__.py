"""`ciconia inspect`: messages judged from files, by the server's own judges. It releases nothing."""
