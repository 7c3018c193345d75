"""A program without a browser: requests-ecp, which asks its user for a name and a password for the identity provider."""

import os

import requests
from lxml import etree
from requests_ecp import HTTPECPAuth

# What is printed before this line is the client's own
SHOWN = "-- what the service shows --"
SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
METADATA = etree.parse(os.environ["BROKER_METADATA"])
ENDPOINT = str(METADATA.xpath(f"string(//*[local-name()='SingleSignOnService'][@Binding='{SOAP}']/@Location)"))

with requests.Session() as session:
    session.auth = HTTPECPAuth(ENDPOINT, username="anybody", password=os.environ["CODE"])
    page = session.get(os.environ["AT"])
    page.raise_for_status()
    print(f"{SHOWN}\n{page.text}")
