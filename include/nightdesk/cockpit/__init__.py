"""The cockpit: pages of the desk and the actions of people, as one web application.

It is mounted in Airflow's own server, whose login and permissions it stands behind; it knows Airflow by its
`Guards` alone, so that a test gives others. Pages are made here, on the server, from what the store holds; a
browser draws and computes nothing that was not stored. Nothing is loaded from another host.
"""
