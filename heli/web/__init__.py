"""The base page, the components every room uses, the home pages, static files and the translation tool."""
