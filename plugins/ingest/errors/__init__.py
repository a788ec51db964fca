"""The errors of the domain and the codes that they carry."""
