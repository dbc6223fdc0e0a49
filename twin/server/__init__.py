"""The composition root: settings, command line, web application and jobs; the only package that knows everyone."""
